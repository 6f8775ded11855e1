// Views of the inbox that a person has named, in this browser. A view is an address: what it shows stands in it, so that it can be sent to somebody else.

export type SavedView = { name: string; search: string }

const nameOf = (userId: string): string => `countersign.views.${userId}`
const MOST = 20

export function savedViews(userId: string, storage: Storage = localStorage) {
  const read = (): SavedView[] => {
    const text = storage.getItem(nameOf(userId))
    return text === null ? [] : (JSON.parse(text) as SavedView[])
  }
  const write = (views: SavedView[]): SavedView[] => {
    storage.setItem(nameOf(userId), JSON.stringify(views))
    return views
  }
  return {
    read,
    /** One of the same name is replaced. */
    save: (view: SavedView): SavedView[] => write([...read().filter(({ name }) => name !== view.name), view].slice(-MOST)),
    drop: (name: string): SavedView[] => write(read().filter((view) => view.name !== name)),
  }
}
