// The fields of a card (relay.md R10). What a fault is about stands beside its field.
import { useQuery } from '@tanstack/react-query'
import { api } from '../api.ts'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { visible } from '../ui/marks.ts'
import { SelectField } from '../ui/select-field.tsx'
import { TextArea, TextField } from '../ui/text-field.tsx'
import { moreOf, newSkill, type TypedCard, type TypedSkill } from './card-said.ts'
import { visibilityWord } from './words.tsx'

type Errors = ReadonlyMap<string, string>
type Props = { typed: TypedCard; onChange: (typed: TypedCard) => void; errors: Errors; slugIsFixed: boolean }
type Changed = { target: { value: string } }

const VISIBILITIES = (['public', 'members', 'grant_holders'] as const).map((value) => ({ value, label: visibilityWord(value) }))
const APPROVALS = [
  { value: 'connection', label: t('who connects') },
  { value: 'message', label: t('who connects, and single messages too') },
]
const RISKS = [
  { value: '', label: t('not said') },
  { value: 'low', label: t('low') },
  { value: 'medium', label: t('medium') },
  { value: 'high', label: t('high') },
  { value: 'critical', label: t('critical') },
]

export function CardFields({ typed, onChange, errors, slugIsFixed }: Props) {
  const agents = useQuery({
    queryKey: ['agents', 'names'],
    queryFn: () => api.agents.list({ limit: 200 }),
    staleTime: 60_000,
  })
  const field = (name: Exclude<keyof TypedCard, 'skills'>, path: string) => ({
    value: typed[name],
    error: errors.get(path),
    onChange: (event: Changed) => onChange({ ...typed, [name]: event.target.value }),
  })
  const skills = (next: TypedSkill[]) => onChange({ ...typed, skills: next })
  return (
    <div className="flex flex-col gap-4">
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField label={t('Name')} {...field('name', '/name')} />
        <TextField
          label={t('Slug')}
          hint={slugIsFixed ? t('It cannot change once somebody was let in.') : t('Its name in addresses: a-z, 0-9 and hyphens.')}
          spellCheck={false}
          {...field('slug', '/slug')}
        />
      </div>
      <TextField label={t('Summary')} hint={t('One sentence, for lists.')} {...field('summary', '/summary')} />
      <TextArea label={t('Description')} rows={3} {...field('description', '/description')} />
      {typed.skills.map((skill, i) => (
        <SkillFields
          key={skill.key}
          {...{ skill, errors }}
          at={i}
          onChange={(next) => skills(typed.skills.map((one) => (one.key === skill.key ? next : one)))}
          onRemove={typed.skills.length === 1 ? null : () => skills(typed.skills.filter((one) => one.key !== skill.key))}
        />
      ))}
      <div>
        <Button small onClick={() => skills([...typed.skills, newSkill()])}>
          {t('Add a skill')}
        </Button>
      </div>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField
          label={t('Takes')}
          hint={t('Media types with commas between.')}
          spellCheck={false}
          {...field('inputs', '/accepted_inputs')}
        />
        <TextField
          label={t('Gives')}
          hint={t('Media types with commas between.')}
          spellCheck={false}
          {...field('outputs', '/expected_outputs')}
        />
        <SelectField label={t('Who may read it')} options={VISIBILITIES} {...plain(field('visibility', '/visibility'))} />
        <SelectField label={t('What is countersigned')} options={APPROVALS} {...plain(field('approval', '/approval'))} />
        <TextField
          label={t('Messages are kept, in days')}
          hint={t('0: until the thread ends. none: as long as the thread.')}
          {...field('retention', '/retention_days')}
        />
        <SelectField
          label={t('Served by')}
          options={[
            { value: '', label: t('any agent of ours that may') },
            ...(agents.data?.data ?? []).map(({ id, name }) => ({ value: id, label: visible(name) })),
          ]}
          {...plain(field('agent', '/agent_id'))}
        />
        <TextField label={t('Category')} hint={t('A word, such as travel.')} {...field('category', '/category')} />
        <TextField label={t('Documentation')} type="url" {...field('documentation', '/documentation_url')} />
        <TextField label={t('Provider')} {...field('provider', '/provider/name')} />
        <TextField label={t('Page of the provider')} type="url" {...field('providerUrl', '/provider/url')} />
      </div>
    </div>
  )
}

const plain = ({ value, onChange }: { value: string; onChange: (event: Changed) => void }) => ({ value, onChange })

type SkillProps = {
  skill: TypedSkill
  at: number
  errors: Errors
  onChange: (skill: TypedSkill) => void
  onRemove: (() => void) | null
}

function SkillFields({ skill, at, errors, onChange, onRemove }: SkillProps) {
  const field = (name: Exclude<keyof TypedSkill, 'key'>, member: string) => ({
    value: skill[name],
    error: errors.get(`/skills/${at}${member}`),
    onChange: (event: Changed) => onChange({ ...skill, [name]: event.target.value }),
  })
  const isWrong = moreOf(skill.more) === null
  return (
    <fieldset className="flex flex-col gap-3 rounded-lg border border-line p-4">
      <legend className="px-1 font-medium">{t('Skill {number}', { number: at + 1 })}</legend>
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField label={t('Id of the skill')} spellCheck={false} {...field('id', '/id')} />
        <TextField label={t('Name of the skill')} {...field('name', '/name')} />
      </div>
      <TextField label={t('What it does')} {...field('description', '/description')} />
      <div className="grid gap-3 sm:grid-cols-2">
        <TextField label={t('Tags')} hint={t('With commas between.')} {...field('tags', '/tags')} />
        <SelectField label={t('Risk of a message')} options={RISKS} {...plain(field('risk', '/risk'))} />
      </div>
      <details>
        <summary className="cursor-pointer text-sm text-muted">{t('Facts, examples and media types of its own')}</summary>
        <div className="mt-2">
          <TextArea
            label={t('As JSON')}
            hint={t('Members facts, examples, input_modes and output_modes. Policies may rely on facts.')}
            mono
            rows={6}
            {...field('more', '')}
            error={isWrong ? t('This is not a JSON object. Check quotes, commas and brackets.') : errors.get(`/skills/${at}`)}
          />
        </div>
      </details>
      {onRemove && (
        <div>
          <Button small tone="quiet" onClick={onRemove}>
            {t('Remove skill {number}', { number: at + 1 })}
          </Button>
        </div>
      )}
    </fieldset>
  )
}
