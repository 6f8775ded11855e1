// What a grant lets its agent do and for how long: rules and limits, as one form, for a new grant, a change and an approval.
import type { Grant, GrantRule } from '@countersign/sdk'
import { t } from '../text/t.ts'
import { TextField } from '../ui/text-field.tsx'
import type { Typed } from './rule.ts'
import { ruleOf, typedOf } from './rule.ts'
import { RulesEditor } from './rules-editor.tsx'

export type TypedTerms = { rules: Typed[]; until: string; uses: string; placeholder: boolean; minting: boolean }

export const typedTerms = (
  grant: Pick<Grant, 'rules' | 'expires_at' | 'max_uses' | 'placeholder_required' | 'minting'>,
): TypedTerms => ({
  rules: grant.rules.map(typedOf),
  until: grant.expires_at.slice(0, 10),
  uses: grant.max_uses === null ? '' : String(grant.max_uses),
  placeholder: grant.placeholder_required,
  minting: grant.minting,
})

export const newTerms = (rules: readonly GrantRule[]): TypedTerms => ({
  rules: rules.map(typedOf),
  until: '',
  uses: '',
  placeholder: false,
  minting: false,
})

/** As the API takes them. A day means its end, in UTC. */
export const termsOf = ({ rules, until, uses, placeholder, minting }: TypedTerms) => ({
  rules: rules.map(ruleOf),
  ...(until === '' ? {} : { expires_at: `${until}T23:59:59.000Z` }),
  max_uses: uses.trim() === '' ? null : Number(uses),
  placeholder_required: placeholder,
  minting,
})

export const PLACES = (terms: TypedTerms): string[] => [
  '/expires_at',
  '/max_uses',
  ...terms.rules.flatMap((_, i) =>
    ['/methods', '/hosts', '/paths', '/tools', '/where', ''].map((member) => `/rules/${i}${member}`),
  ),
]

type Props = {
  terms: TypedTerms
  onChange: (terms: TypedTerms) => void
  facts: readonly string[]
  errors: ReadonlyMap<string, string>
}

export function TermsFields({ terms, onChange, facts, errors }: Props) {
  return (
    <>
      <RulesEditor rules={terms.rules} facts={facts} errors={errors} onChange={(rules) => onChange({ ...terms, rules })} />
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField
          label={t('Until')}
          type="date"
          hint={t('30 days, unless said.')}
          value={terms.until}
          error={errors.get('/expires_at')}
          onChange={(event) => onChange({ ...terms, until: event.target.value })}
        />
        <TextField
          label={t('At most so many requests')}
          inputMode="numeric"
          placeholder={t('no limit')}
          value={terms.uses}
          error={errors.get('/max_uses')}
          onChange={(event) => onChange({ ...terms, uses: event.target.value.replace(/\D/g, '') })}
        />
      </div>
      <label className="flex items-center gap-2">
        <input
          type="checkbox"
          className="size-4"
          checked={terms.placeholder}
          onChange={(event) => onChange({ ...terms, placeholder: event.target.checked })}
        />
        {t('Only where the agent puts the placeholder')}
      </label>
      <label className="flex items-center gap-2">
        <input
          type="checkbox"
          className="size-4"
          checked={terms.minting}
          onChange={(event) => onChange({ ...terms, minting: event.target.checked })}
        />
        {t('Also at addresses that hand out new credentials')}
      </label>
    </>
  )
}
