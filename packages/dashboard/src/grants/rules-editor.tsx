// The rules of a grant: each a few fields and, below them, the sentence that it means.
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'
import { EFFECTS, OPS, type Op, ruleOf, sentence, type Typed, typedOf } from './rule.ts'

type Props = {
  rules: readonly Typed[]
  onChange: (rules: Typed[]) => void
  /** Names of facts that the provider's definition reads. */
  facts: readonly string[]
  errors: ReadonlyMap<string, string>
}

export function RulesEditor({ rules, onChange, facts, errors }: Props) {
  const change = (key: number, next: Partial<Typed>) =>
    onChange(rules.map((rule) => (rule.key === key ? { ...rule, ...next } : rule)))
  return (
    <div className="flex flex-col gap-4">
      {rules.length === 0 && <p className="text-muted">{t('Without a rule nothing is let through.')}</p>}
      {rules.map((rule, i) => (
        <fieldset key={rule.key} className="flex flex-col gap-3 rounded-xl border border-line p-4">
          <legend className="px-1 font-medium">{t('Rule {number}', { number: i + 1 })}</legend>
          <div className="grid gap-3 sm:grid-cols-2">
            <SelectField
              label={t('The agent')}
              value={rule.effect}
              options={Object.entries(EFFECTS).map(([value, label]) => ({ value, label }))}
              onChange={(event) => change(rule.key, { effect: event.target.value as Typed['effect'] })}
            />
            <TextField
              label={t('Methods')}
              placeholder={t('any')}
              hint={t('Such as GET, POST.')}
              value={rule.methods}
              error={errors.get(`/rules/${i}/methods`)}
              onChange={(event) => change(rule.key, { methods: event.target.value })}
            />
            <TextField
              label={t('Hosts')}
              placeholder={t('all of the provider’s')}
              value={rule.hosts}
              error={errors.get(`/rules/${i}/hosts`)}
              onChange={(event) => change(rule.key, { hosts: event.target.value })}
            />
            <TextField
              label={t('Tools')}
              placeholder={t('none in particular')}
              hint={t('Of MCP servers; search_* for all that begin so.')}
              value={rule.tools}
              error={errors.get(`/rules/${i}/tools`)}
              onChange={(event) => change(rule.key, { tools: event.target.value })}
            />
          </div>
          <TextArea
            label={t('Paths')}
            mono
            rows={2}
            placeholder={t('any')}
            hint={t(
              'One a line. /v1/refunds also means what stands below it; * is one part, ** the rest, = in front exactly this.',
            )}
            value={rule.paths}
            error={errors.get(`/rules/${i}/paths`)}
            onChange={(event) => change(rule.key, { paths: event.target.value })}
          />
          <Conditions
            rule={rule}
            facts={facts}
            error={errors.get(`/rules/${i}/where`)}
            onChange={(where) => change(rule.key, { where })}
          />
          <div className="flex flex-wrap items-center justify-between gap-3">
            <p className="min-w-0 text-muted wrap-anywhere">{visible(sentence(ruleOf(rule)))}</p>
            <Button
              small
              tone="quiet"
              aria-label={t('Remove rule {number}', { number: i + 1 })}
              onClick={() => onChange(rules.filter(({ key }) => key !== rule.key))}
            >
              {t('Remove')}
            </Button>
          </div>
          {errors.get(`/rules/${i}`) && <p className="text-sm font-medium text-danger">{errors.get(`/rules/${i}`)}</p>}
        </fieldset>
      ))}
      <div>
        <Button small onClick={() => onChange([...rules, typedOf({ effect: 'allow', methods: ['GET'] })])}>
          {t('Add a rule')}
        </Button>
      </div>
    </div>
  )
}

type ConditionsProps = {
  rule: Typed
  facts: readonly string[]
  error: string | undefined
  onChange: (where: Typed['where']) => void
}

function Conditions({ rule, facts, error, onChange }: ConditionsProps) {
  if (facts.length === 0 && rule.where.length === 0) return null
  const change = (at: number, next: Partial<Typed['where'][number]>) =>
    onChange(rule.where.map((one, i) => (i === at ? { ...one, ...next } : one)))
  return (
    <div className="flex flex-col gap-2">
      {rule.where.map((one, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: conditions have no name of their own and are edited in place
        <div key={i} className="grid items-end gap-2 sm:grid-cols-[1fr_10rem_1fr_auto]">
          <SelectField
            label={t('Fact')}
            value={one.fact}
            options={[...new Set([...facts, one.fact])].map((value) => ({ value, label: value }))}
            onChange={(event) => change(i, { fact: event.target.value })}
          />
          <SelectField
            label={t('Compares')}
            value={one.op}
            options={Object.entries(OPS).map(([value, label]) => ({ value, label }))}
            onChange={(event) => change(i, { op: event.target.value as Op })}
          />
          <TextField label={t('Value')} value={one.value} onChange={(event) => change(i, { value: event.target.value })} />
          <Button
            small
            tone="quiet"
            aria-label={t('Remove the condition on {fact}', { fact: one.fact })}
            onClick={() => onChange(rule.where.filter((_, at) => at !== i))}
          >
            {t('Remove')}
          </Button>
        </div>
      ))}
      {error && <p className="text-sm font-medium text-danger">{error}</p>}
      {facts.length > 0 && (
        <div>
          <Button small tone="quiet" onClick={() => onChange([...rule.where, { fact: facts[0] as string, op: 'gt', value: '' }])}>
            {t('Only where a fact of the request says so')}
          </Button>
        </div>
      )}
    </div>
  )
}
