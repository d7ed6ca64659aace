import { late } from '../compile/asks-a-clock.ts';
import { speaks } from '../model/reads-disk.ts';

export interface Terminal {
  out(text: string): void;
}

late();
speaks({ out: () => undefined });
