// JSON that a person typed: its value, or what is wrong with it. Never a number other than the one that was written.
import { Digits, readExact, type Shown } from '../exact.ts'
import { t } from '../text/t.ts'

type Typed = { value: unknown; fault?: undefined } | { fault: string }

/** Nothing typed is nothing sent. */
export function readTyped(text: string): Typed {
  if (text.trim() === '') return { value: undefined }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { fault: t('This is no JSON: {message}. A text stands in double quotes.', { message: (error as Error).message }) }
  }
  return losesDigits(readExact(text))
    ? { fault: t('A number here has more digits than can be sent. Write it as a text.') }
    : { value }
}

function losesDigits(shown: Shown): boolean {
  if (shown instanceof Digits) return Number.isInteger(Number(shown.text)) && !Number.isSafeInteger(Number(shown.text))
  if (shown instanceof Map) return [...shown.values()].some(losesDigits)
  return Array.isArray(shown) && shown.some(losesDigits)
}
