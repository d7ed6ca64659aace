// Every step in every way, and many cuts.
import '../integration/interrupted-push.test.ts';
