// Collects what is wrong, so that one run shows all of it.

let failures = 0;

export function fail(where, what) {
  failures += 1;
  console.error(`${where}: ${what}`);
}

export function finish(text) {
  if (failures > 0) {
    console.error(`${failures} failed`);
    process.exit(1);
  }
  console.log(text);
}
