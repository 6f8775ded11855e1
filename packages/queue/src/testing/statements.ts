// The statements of a script whose every statement ends with a semicolon before an empty line: each is sent alone, so that it is a transaction of its own.

export function statementsOf(text: string): string[] {
  return text
    .split(/;\s*\n(?:\s*\n|$)/)
    .map((one) => one.replace(/^(\s*--[^\n]*\n|\s*\n)+/, '').trim())
    .filter((one) => one !== '')
}
