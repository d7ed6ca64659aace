import { late } from '../compile/asks-a-clock.ts';

export const write = (text: string): void => {
  if (text === '') late();
};
