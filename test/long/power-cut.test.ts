// Every step on every file system.
import '../integration/power-cut.test.ts';
