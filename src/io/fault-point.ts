/**
 * For tests: a program that is told a name in BRINICLE_FAULT_POINT ends, as by kill -9, when it comes to the point of
 * that name; with `NAME:2` when it comes there for the second time. All points print their names with `?`.
 */
export function faultPoint(): (name: string) => void {
  const [wanted, times = '1'] = (process.env['BRINICLE_FAULT_POINT'] ?? '').split(':');
  if (wanted === '') return () => undefined;
  let left = Number(times);
  return (name) => {
    if (wanted === '?') process.stderr.write(`fault point: ${name}\n`);
    if (name !== wanted || --left > 0) return;
    process.kill(process.pid, 'SIGKILL');
    // The first process of a pid namespace, as an ingest is, does not die of its own signals.
    process.exit(137);
  };
}
