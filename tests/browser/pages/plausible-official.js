import { init, track } from '@plausible-analytics/tracker'

init({ domain: 'blog.example', endpoint: 'http://collector.test/api/event' })
track('signup', { props: { plan: 'pro' } })
