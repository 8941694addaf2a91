import { AnalyticsBrowser } from '@segment/analytics-next'

const settings = { apiHost: 'collector.test/v1', protocol: 'http' }
const analytics = AnalyticsBrowser.load({
  writeKey: 'WK123',
  cdnSettings: { integrations: { 'Segment.io': { apiKey: 'WK123', ...settings } } },
}, { integrations: { 'Segment.io': true } })
analytics.page('Docs', 'Home', { plan: 'x' })
