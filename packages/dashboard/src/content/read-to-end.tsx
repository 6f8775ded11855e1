// What is approved is what was shown (T87): a critical task is accepted only after its content was scrolled to the end once. It measures that the end was in sight and nothing more.
import { type RefObject, useEffect, useRef, useState } from 'react'
import { t } from '../text/t.ts'

export const UNREAD = t('This is critical: read what it is about to the end first.')

/** `end` goes behind the content; `unread` is the reason why it may not be accepted yet. */
export function useReadToEnd(wanted: boolean): { end: RefObject<HTMLDivElement | null>; unread: string | undefined } {
  const end = useRef<HTMLDivElement>(null)
  const [read, setRead] = useState(false)
  useEffect(() => {
    if (!wanted || read || !end.current) return
    const observer = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) setRead(true)
    })
    observer.observe(end.current)
    return () => observer.disconnect()
  }, [wanted, read])
  return { end, unread: wanted && !read ? UNREAD : undefined }
}
