// The sections of the pages about one's own tenant.
import { paths } from '../paths.ts'
import { t } from '../text/t.ts'

export const TENANT = [
  { name: t('Tenant'), path: paths.tenant() },
  { name: t('Tasks'), path: paths.taskSettings() },
] as const
