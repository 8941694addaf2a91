import { AnalyticsBrowser } from '@segment/analytics-next'

const settings = { apiHost: 'collector.test/v1', protocol: 'http' }
const analytics = AnalyticsBrowser.load({
  writeKey: 'blog-key',
  cdnSettings: { integrations: { 'Segment.io': { apiKey: 'blog-key', ...settings } } },
}, { integrations: { 'Segment.io': settings } })
analytics.page()
analytics.track('signup', { plan: 'pro' })
