import Plausible from 'plausible-tracker'

Plausible({ domain: 'site.test', apiHost: 'http://collector.test' }).trackPageview()
