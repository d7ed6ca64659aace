// Every pair of steps.
import '../integration/killed-rotate.test.ts';
