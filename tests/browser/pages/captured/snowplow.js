import { newTracker, trackPageView } from '@snowplow/browser-tracker'

newTracker('sp', 'http://collector.test', { appId: 'site' })
trackPageView()
