import { existsSync } from 'node:fs';
import type { Terminal } from '../bin/terminal.ts';

export const speaks = (terminal: Terminal): void => terminal.out(String(existsSync('/')));
