// An image from elsewhere, as the server's guarded fetch gives it. The browser itself asks nobody but the server.
import { api } from './api.ts'

export async function imageOf(taskId: string, url: string): Promise<string> {
  const { data_url } = await api.call('POST /tasks/:id/images', { params: { id: taskId }, body: { url } })
  return data_url
}
