/** SSH wire format of fields, in base64. */
export function wire(...fields: (string | Buffer)[]): string {
  const parts = fields.flatMap((field) => {
    const bytes = Buffer.from(field);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return Buffer.concat(parts).toString('base64');
}

/** An Ed25519 key line; equal numbers give equal keys. */
export function ed25519Line(number: number): string {
  const point = Buffer.alloc(32, 7);
  point.writeUInt32BE(number);
  return `ssh-ed25519 ${wire('ssh-ed25519', point)}`;
}

/** An RSA key line of that many bits, its numbers made up but of the right form. */
export function rsaLine(bits: number, exponent: Buffer = Buffer.from([1, 0, 1])): string {
  const modulus = Buffer.alloc(Math.ceil(bits / 8), 0x55);
  modulus[0] = 1 << ((bits - 1) % 8);
  modulus[modulus.length - 1] = 0x55;
  const mpint = (modulus[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), modulus]) : modulus;
  return `ssh-rsa ${wire('ssh-rsa', exponent, mpint)}`;
}
