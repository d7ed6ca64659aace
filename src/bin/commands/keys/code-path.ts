import encodeQR from 'qr';

/** A QR code as the path of an SVG, one unit a module, with the white border that scanners need. */
export interface CodePath {
  /** Modules a side, border and all. */
  size: number;
  path: string;
}

/** Draws a QR code of a text; a quarter of it may be damaged. */
export function codePath(text: string): CodePath {
  const rows = encodeQR(text, 'raw', { ecc: 'quartile', border: 4 });
  const runs = rows.flatMap((row, y) => {
    const dark = row.map((module) => (module ? '1' : '0')).join('');
    return [...dark.matchAll(/1+/g)].map(
      ({ index, 0: run }) => `M${index} ${y}h${run.length}v1h-${run.length}z`,
    );
  });
  return { size: rows.length, path: runs.join('') };
}
