// The sections of the pages about one's own tenant.
import { paths } from '../paths.ts'

export const TENANT = [
  { name: 'Tenant', path: paths.tenant() },
  { name: 'Tasks', path: paths.taskSettings() },
] as const
