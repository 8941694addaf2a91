import Plausible from 'plausible-tracker'

const { trackPageview, trackEvent } = Plausible({ domain: 'blog.example', apiHost: 'http://collector.test' })
trackPageview()
trackEvent('signup', { props: { plan: 'pro' } })
