// The words for how a task stands, for those who read no rows of tasks: channels above all (T103).
export { isFinal, type Status } from './sql.ts'
