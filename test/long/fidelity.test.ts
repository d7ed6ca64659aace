// A sparse file of 10 GiB.
import '../integration/fidelity.test.ts';
