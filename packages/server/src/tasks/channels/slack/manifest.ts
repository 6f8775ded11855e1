// The app's manifest (T113): what an administrator of a workspace pastes at Slack, with the addresses of this server.
export const SCOPES = [
  'chat:write',
  'im:write',
  'im:history',
  'channels:read',
  'channels:history',
  'groups:read',
  'groups:history',
  'users:read',
  'users:read.email',
  'files:read',
  'files:write',
] as const

export const EVENTS = [
  'app_home_opened',
  'app_uninstalled',
  'message.channels',
  'message.groups',
  'message.im',
  'tokens_revoked',
] as const

export function slackManifest(origin: string): Record<string, unknown> {
  const at = (path: string) => `${origin}/api/v1/channels/slack/${path}`
  return {
    display_information: {
      name: 'Countersign',
      description: 'Questions of agents, answered where you are.',
    },
    features: {
      app_home: { home_tab_enabled: false, messages_tab_enabled: true, messages_tab_read_only_enabled: false },
      bot_user: { display_name: 'Countersign', always_online: true },
    },
    oauth_config: { redirect_urls: [at('oauth/callback')], scopes: { bot: [...SCOPES] } },
    settings: {
      event_subscriptions: { request_url: at('events'), bot_events: [...EVENTS] },
      interactivity: { is_enabled: true, request_url: at('interactions'), message_menu_options_url: at('options') },
      org_deploy_enabled: false,
      socket_mode_enabled: false,
      token_rotation_enabled: false,
    },
  }
}
