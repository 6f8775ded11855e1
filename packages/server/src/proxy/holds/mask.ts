// What looks like a secret is not shown to whoever is asked about a request (V103): they judge what it does, not what it signs in with. Errs on the side of hiding.

export const MASKED = '••••'

const NAMES =
  'pass(?:word|wd|phrase)?|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|credential|signature|cookie|session[_-]?id'
const RULES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]+-----[\s\S]*?(?:-----END [A-Z ]+-----|$)/g, MASKED],
  // A member of JSON by its name, then a field of a form.
  [new RegExp(`("[^"\\\\]*(?:${NAMES})[^"\\\\]*"\\s*:\\s*)"(?:[^"\\\\]|\\\\.)*"`, 'gi'), `$1"${MASKED}"`],
  [new RegExp(`((?:^|[&\\s])[^=&\\s"]*(?:${NAMES})[^=&\\s"]*=)[^&\\s]+`, 'gi'), `$1${MASKED}`],
  [/\b(Bearer|Basic|DPoP)\s+[A-Za-z0-9._~+/=-]{8,}/g, `$1 ${MASKED}`],
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?/g, MASKED],
  [/\b(?:sk|rk|pk)[-_][A-Za-z0-9_-]{16,}/g, MASKED],
  [/\b(?:gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|cs_(?:live|test)_[a-z]{3}_)[A-Za-z0-9_-]{10,}/g, MASKED],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{30,}/g, MASKED],
  // Whatever else is long, mixed and no word.
  [/(?<![A-Za-z0-9+/_-])(?=[A-Za-z+/_-]*[0-9])(?=[0-9+/_-]*[A-Za-z])[A-Za-z0-9+/_-]{40,}={0,2}/g, MASKED],
]

export const maskSecrets = (text: string): string => RULES.reduce((masked, [rule, to]) => masked.replace(rule, to), text)
