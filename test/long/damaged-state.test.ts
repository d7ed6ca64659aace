// Every damage to every file.
import '../integration/damaged-state.test.ts';
