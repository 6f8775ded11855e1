// What Slack needs from the outside; main wires it once. Holds nothing by itself.
import type { Door } from '../../../egress/fetch.ts'
import type { TasksHouse } from '../../house.ts'

export type SlackHouse = {
  tasks: TasksHouse
  door: Door
  /** `https://slack.com`; another only where the operator says so. Without a slash at the end. */
  slackUrl: string
}
