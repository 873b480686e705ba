// One file for the runner, since one mill serves all: what one of these pauses, another one would wait for. As one they wait for
// nothing else of the suite either.
export default [
  await import("./docs.test.ts"),
  await import("./overview.test.ts"),
  await import("./task.test.ts"),
  await import("./tasks.test.ts"),
  await import("./views.test.ts"),
];
