// What one check says (P153): ok, warn or fail, its code, what it saw, and how to mend it.
export { runbookOf } from '../../status/runbook.ts'

export type Finding = { code: string; status: 'ok' | 'warn' | 'fail'; what: string; mend: string | null }

export const ok = (code: string, what: string): Finding => ({ code, status: 'ok', what, mend: null })
export const warn = (code: string, what: string, mend: string | null): Finding => ({ code, status: 'warn', what, mend })
export const fail = (code: string, what: string, mend: string | null): Finding => ({ code, status: 'fail', what, mend })

/** As the process says it when it does not start. */
export const sayFinding = ({ code, what, mend }: Finding): string => `${code}: ${what}${mend ? ` ${mend}` : ''}`
