import { init } from '@plausible-analytics/tracker'

init({ domain: 'site.test', endpoint: 'http://collector.test/api/event' })
