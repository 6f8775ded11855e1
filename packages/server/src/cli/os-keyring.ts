// The keyring of the system, where there is one: the optional package is asked for as it is needed and no command needs it. Never prints what it holds.
type Keyring = {
  Entry: new (
    service: string,
    account: string,
  ) => { getPassword(): string | null; setPassword(text: string): void; deletePassword(): boolean }
}
export type Kept = { text: string | null; fault: null } | { text: null; fault: string }

const PACKAGE = '@napi-rs/keyring'
const SERVICE = 'countersign'

/** `fault` says why it cannot be used. */
async function using(act: (entry: InstanceType<Keyring['Entry']>) => string | null, account: string): Promise<Kept> {
  try {
    const { Entry } = (await import(PACKAGE)) as Keyring
    return { text: act(new Entry(SERVICE, account)), fault: null }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const isAbsent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
    return {
      text: null,
      fault: isAbsent ? `the optional package ${PACKAGE} is not installed` : (message.split('\n')[0] ?? 'unknown'),
    }
  }
}

export const readOsKeyring = (account: string): Promise<Kept> => using((entry) => entry.getPassword(), account)

export const writeOsKeyring = (account: string, text: string): Promise<Kept> =>
  using((entry) => {
    entry.setPassword(text)
    return entry.getPassword()
  }, account)

export const dropFromOsKeyring = (account: string): Promise<Kept> =>
  using((entry) => {
    entry.deletePassword()
    return null
  }, account)
