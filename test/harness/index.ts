// What a test imports: `database()` for a room that needs only PostgreSQL, `setup()` for the whole server.
export { type MovableClock, milliseconds, movableClock } from './clock.ts'
export { type Admin, type Database, type DatabaseOptions, database } from './database.ts'
