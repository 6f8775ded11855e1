// The clock of the tests is that of `countersign dev`: it flows as outside and can be moved forward.
export { type MovableClock, milliseconds, movableClock } from '../../packages/server/src/main/dev/clock.ts'
