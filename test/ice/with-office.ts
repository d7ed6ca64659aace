import { afterAll, beforeAll } from 'vitest';
import { makeOffice, type Office } from './office.ts';

/** Makes an office for a suite, whose key gpg has at hand meanwhile, and takes it away again. */
export function withOffice(prepare: (office: Office) => void): () => Office {
  let office: Office;
  const home = process.env['GNUPGHOME'];
  beforeAll(() => {
    office = makeOffice();
    process.env['GNUPGHOME'] = office.gpg.home;
    prepare(office);
  });
  afterAll(() => {
    if (home === undefined) delete process.env['GNUPGHOME'];
    else process.env['GNUPGHOME'] = home;
    office.remove();
  });
  return () => office;
}
