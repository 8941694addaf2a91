import { AnalyticsBrowser } from '@segment/analytics-next'

const deliveryStrategy = { strategy: 'batching', config: { size: 2 } }
const settings = { apiHost: 'collector.test/v1', protocol: 'http', deliveryStrategy }
const analytics = AnalyticsBrowser.load({
  writeKey: 'WK123',
  cdnSettings: { integrations: { 'Segment.io': { apiKey: 'WK123', ...settings } } },
})
analytics.page()
analytics.track('signup', { plan: 'x' })
