// What the channel of mail needs from the outside; main wires it once. Holds nothing by itself.
import type { Mailer } from '../../../egress/mail.ts'
import type { TasksHouse } from '../../house.ts'

export type EmailHouse = {
  tasks: TasksHouse
  mailer: Mailer
  /** Before a mail server is stored: may it be dialled at all? Asked again at every mail. */
  mayDial(host: string, port: number, tenantId: string): Promise<boolean>
}
