// The question in its frame.
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { EmbedPage } from './embed-page.tsx'
import type { Known } from './known.ts'
import { openParent } from './parent.ts'

export const showQuestion = (root: HTMLElement, known: Known, token: string): void =>
  createRoot(root).render(
    <StrictMode>
      <EmbedPage known={known} parent={openParent(known, window)} token={token} />
    </StrictMode>,
  )
