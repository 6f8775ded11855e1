// The page of an embed, on its own: no session, no router, no part of the dashboard around it.
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '../styles.css'
import { EmbedPage } from './embed-page.tsx'
import { readKnown, readToken, wear } from './known.ts'
import { openParent } from './parent.ts'

const known = readKnown(document)
wear(known.theme, document)
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <EmbedPage known={known} parent={openParent(known, window)} token={readToken(location.hash)} />
  </StrictMode>,
)
