// What no command takes (V34, V125): a secret among its words, where every process of the machine and the history of the shell would have it. Looked at before any
// word is understood; what is refused is not repeated.
import { usage } from './output.ts'

/** Whatever a command calls such an option, and whether or not it has one. `--secret-file`, `--secrets` and `--keys` name files. */
const OPTION =
  /^--?(?:key|api[-_]?key|secret|client[-_]?secret|token|access[-_]?token|refresh[-_]?token|run[-_]?token|bearer|password|passphrase|private[-_]?key|credentials?|value)(?:=|$)/i
/** One of our own keys, run tokens and webhook secrets, whole or in a longer word. */
const OWN = /cs_(?:live|test)_[a-z]{3}_[0-9A-Za-z]{20,}|whsec_[A-Za-z0-9+/]{20,}/

/** Options that are called like a secret and name something else: an idempotency key, an id, a public key. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  '--key': ['tasks create', 'evidence', 'audit verify', 'relay start', 'relay send'],
}

/** Words behind `--` belong to somebody else's program. */
export function refuseSecrets(words: readonly string[]): void {
  const end = words.indexOf('--')
  const own = end < 0 ? words : words.slice(0, end)
  const said = own.filter((word) => !word.startsWith('-')).join(' ')
  for (const word of own) {
    const [option = ''] = word.split('=')
    const isName = NAMES[option]?.some((command) => said.startsWith(command) || said.includes(` ${command}`)) ?? false
    if ((OPTION.test(word) && !isName) || OWN.test(word))
      throw usage(
        'A secret never stands in a command. Your own key: COUNTERSIGN_KEY, or countersign profiles; others: --from-env or --from-stdin.',
      )
  }
}
