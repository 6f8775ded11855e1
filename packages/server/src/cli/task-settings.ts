// countersign tasks settings, rules, reassign …: how a tenant wants its tasks, how it decides, and giving one task to others. Without options the first two print how it stands.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import { Problem } from '@countersign/sdk'
import type { Command } from 'commander'
import { print } from './output.ts'
import type { Door } from './tasks.ts'
import { parseJson, parseNumber } from './words.ts'

type Settings = RouteAnswer<'GET /tasks/settings'>
type Change = RouteBody<'PUT /tasks/settings'>
type Rules = RouteAnswer<'GET /decision-settings'>
type Given = { retention?: string; reminders?: string; redact?: string; strictReplay?: string }
type GivenRules = { stepIn?: string; assurance?: string; separate?: string; critical?: string; denyReason?: string }

export function taskSettingsCommands(tasks: Command, door: Door): void {
  tasks
    .command('settings')
    .description('how long tasks are kept, when people are reminded, what is hidden at least')
    .option('--retention <days>', 'content is erased so many days after the end')
    .option('--reminders <json>', 'such as [{"at_percent":50},{"before":600}]; default')
    .option('--redact <level>', 'the least that any task hides: none, notify or strict')
    .option('--strict-replay <on|off>', 'the other clients are refused another question under a known key')
    .action(async (given: Given) => {
      const body = changeOf(given)
      const client = door.client()
      const now =
        Object.keys(body).length === 0 ? client.call('GET /tasks/settings') : client.call('PUT /tasks/settings', { body })
      print(door.output(), await now, describe)
    })
  tasks
    .command('rules')
    .description('how this tenant decides: stepping in, the least proof, separation of duties')
    .option('--step-in <on|off>', 'operators, admins and owners may decide what they were not asked, with a reason')
    .option('--assurance <level>', 'the least that a decision needs: link, channel, session or step_up')
    .option('--separate <when>', 'nobody on the side that asks is counted: asked, high or all')
    .option('--critical <n>', 'how many people a critical task needs: 1 or 2')
    .option('--deny-reason <on|off>', 'who denies a proposed action says why')
    .action(async (given: GivenRules) => {
      const body = rulesOf(given)
      const client = door.client()
      const now = Object.keys(body).length === 0 ? client.decisionSettings.get() : client.decisionSettings.update(body)
      print(door.output(), await now, describeRules)
    })
  tasks
    .command('reassign <id>')
    .description('give a task to others; counted votes and comments stay')
    .requiredOption('--to <whom>', 'an address, the id of a user, or JSON as assign_to takes it: {"pool":"Finance"}')
    .requiredOption('--reason <text>', 'why; the people and the agent read it')
    .action(async (id: string, { to, reason }: { to: string; reason: string }) => {
      const call = { params: { id }, body: { assign_to: whom(to), reason } }
      const task = await door.client().call('POST /tasks/:id/reassign', call)
      print(door.output(), task, (one) => `${one.id}  ${one.assigned_to_display_name ?? 'whoever claims it first'}`)
    })
}

/** What stands here is one of the forms of assign_to. */
function whom(text: string): unknown {
  if (/^\s*[[{]/.test(text)) return parseJson('--to', text)
  return text.startsWith('usr_') ? { user_id: text } : text
}

function isOn(option: string, text: string): boolean {
  if (text !== 'on' && text !== 'off')
    throw new Problem('validation_failed', { errors: [{ path: option, code: 'switch', message: 'is on or off' }] })
  return text === 'on'
}

const changeOf = ({ retention, reminders, redact, strictReplay }: Given): Change => ({
  ...(retention === undefined ? {} : { retention_days: parseNumber('--retention', retention) }),
  ...(reminders === undefined
    ? {}
    : { reminders: reminders === 'default' ? null : (parseJson('--reminders', reminders) as Settings['reminders']) }),
  ...(redact === undefined ? {} : { redact: redact as Settings['redact'] }),
  ...(strictReplay === undefined ? {} : { compat_strict_replay: isOn('--strict-replay', strictReplay) }),
})

const rulesOf = ({ stepIn, assurance, separate, critical, denyReason }: GivenRules): Partial<Rules> => ({
  ...(stepIn === undefined ? {} : { step_in: isOn('--step-in', stepIn) }),
  ...(assurance === undefined ? {} : { decision_assurance: assurance as Rules['decision_assurance'] }),
  ...(separate === undefined ? {} : { separate_duties: separate as Rules['separate_duties'] }),
  ...(critical === undefined ? {} : { critical_quorum: parseNumber('--critical', critical) as Rules['critical_quorum'] }),
  ...(denyReason === undefined ? {} : { deny_reason: isOn('--deny-reason', denyReason) }),
})

const word = (on: boolean): string => (on ? 'on' : 'off')

const describe = ({ retention_days, reminders, redact, compat_strict_replay }: Settings): string =>
  [
    `retention      ${retention_days} days after the end`,
    `reminders      ${reminders === null ? 'at half and nine tenths of the time' : JSON.stringify(reminders)}`,
    `redact         ${redact}`,
    `strict-replay  ${word(compat_strict_replay)}`,
  ].join('\n')

const describeRules = (rules: Rules): string =>
  [
    `step-in      ${word(rules.step_in)}`,
    `assurance    ${rules.decision_assurance}`,
    `separate     ${rules.separate_duties}`,
    `critical     ${rules.critical_quorum}`,
    `deny-reason  ${word(rules.deny_reason)}`,
  ].join('\n')
