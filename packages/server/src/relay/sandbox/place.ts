// Where the sandbox is: its tenant, which has one id on every installation, and the slug of its card. Names alone.
import { type Scope, systemScope } from '../../db/scope.ts'

/** Migration 0243 leaves it out of lists. */
export const SANDBOX_TENANT = '00000000-0000-7000-8000-73616e64626f'
export const SANDBOX = 'sandbox'

export const sandboxScope = (): Scope => systemScope(SANDBOX, SANDBOX_TENANT)
