// What the page of an embed knows before it asks: from the server's own line in the document, and the token from the fragment, where no log sees it.

/** Of the document. */
export type Known = {
  task_id: string
  /** The page that holds this one. Nobody else is told anything, and nobody else is listened to. */
  origin: string
  theme: Theme
  dialect: 'native' | 'compatible'
  ttl_seconds: number
  expires_at: string
}
export type Theme = 'auto' | 'light' | 'dark'

export const readKnown = (document: Document): Known =>
  JSON.parse(document.querySelector('meta[name="countersign-embed"]')?.getAttribute('content') ?? 'null') as Known

export const readToken = (hash: string): string => new URLSearchParams(hash.replace(/^#/, '')).get('token') ?? ''

export const isTheme = (value: unknown): value is Theme => value === 'auto' || value === 'light' || value === 'dark'

/** The colours themselves stand in the style sheet. */
export function wear(theme: Theme, { documentElement }: Document): void {
  documentElement.dataset.theme = theme
}
