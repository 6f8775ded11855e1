// What the log says of a failure upstream (relay.md R123): its kind. Never its words, for clients put what the other side answered into them, and that is content.
export function faultOf(error: unknown): { fault: string; code: string | number | null } {
  if (!(error instanceof Error)) return { fault: typeof error, code: null }
  const { code } = error as { code?: unknown }
  return {
    fault: error.name,
    code: typeof code === 'number' || (typeof code === 'string' && /^[A-Z_0-9]{1,40}$/.test(code)) ? code : null,
  }
}
