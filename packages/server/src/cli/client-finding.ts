// What the doctor says of one thing that it sees from where commands are typed.
export type ClientFinding = { code: string; status: 'ok' | 'warn' | 'fail'; what: string; mend: string | null }

export const ok = (code: string, what: string): ClientFinding => ({ code, status: 'ok', what, mend: null })
export const warn = (code: string, what: string, mend: string): ClientFinding => ({ code, status: 'warn', what, mend })
export const fail = (code: string, what: string, mend: string): ClientFinding => ({ code, status: 'fail', what, mend })
