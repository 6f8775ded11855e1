// Where words of the dashboard stand, and the few that are not words.

export const SHOWN_ATTRIBUTES = [
  'alt',
  'aria-description',
  'aria-label',
  'aria-placeholder',
  'aria-roledescription',
  'aria-valuetext',
  'ask',
  'badge',
  'confirm',
  'fallback',
  'heading',
  'hint',
  'label',
  'message',
  'note',
  'placeholder',
  'reason',
  'says',
  'title',
  'what',
  'why',
  'word',
  'words',
]

/** Members of tables. */
export const SHOWN_MEMBERS = ['heading', 'hint', 'label', 'placeholder', 'reason', 'says', 'title', 'why', 'word', 'words']

export const TECHNICAL_ATTRIBUTES = [
  'aria-keyshortcuts',
  'autoComplete',
  'className',
  'd',
  'href',
  'id',
  'keys',
  'queryKey',
  'rel',
  'role',
  'src',
  'tone',
  'type',
  'viewBox',
]

/** Functions that take what is no word, whatever it looks like. */
export const TECHNICAL_CALLS = ['call', 'jobs', 'closest', 'matches', 'querySelector', 'querySelectorAll']

/** Functions that show what they are given, and at which place. */
export const SHOWN_ARGUMENTS: readonly (readonly [name: string, place: number])[] = [
  ['announce', 0],
  ['closedTo', 2],
  ['setSaid', 0],
  ['setTold', 0],
  ['useTitle', 0],
]

type Exception = {
  /** The end of its path. */
  file: string
  /** The text, or how it begins. */
  text: string
  why: string
}
export const EXCEPTIONS: readonly Exception[] = [
  { file: 'connections/new-connection.tsx', text: 'default', why: 'the name that a connection has by itself' },
  { file: 'content/remote.tsx', text: "default-src 'none'", why: 'a policy' },
  { file: 'content/remote.tsx', text: '<meta http-equiv', why: 'markup of a frame' },
  { file: 'content/remote.tsx', text: '<!doctype html>', why: 'markup of a frame' },
  { file: 'forms/rows.tsx', text: '{} > [data-body]', why: 'a selector' },
  { file: 'keyboard/help.tsx', text: 'Enter', why: 'the name of a key' },
  { file: 'keyboard/help.tsx', text: 'j k', why: 'names of keys' },
  { file: 'pages/profile-keys.tsx', text: 'COUNTERSIGN_URL=', why: 'a command' },
  {
    file: 'providers/new-provider-page.tsx',
    text: '{\n  // What agents may reach',
    why: 'a definition to begin with, as it is kept',
  },
  { file: 'src/sample.ts', text: '// COUNTERSIGN_KEY', why: 'code to copy' },
  { file: 'src/shell.tsx', text: 'Countersign', why: 'the name of the product' },
  { file: 'vault/vault-page.tsx', text: 'countersign run', why: 'a command' },
  { file: 'verifiers/trial.tsx', text: 'Refund order 1042?', why: 'an example of what an agent asks' },
  { file: 'verifiers/verifier-form.tsx', text: '[\n  {\n    "schema"', why: 'an example of a rule' },
]
