import { newTracker, trackPageView, trackStructEvent } from '@snowplow/browser-tracker'

newTracker('blog', 'http://collector.test', { appId: 'blog' })
trackPageView()
trackStructEvent({ category: 'plan', action: 'signup', label: 'pro' })
