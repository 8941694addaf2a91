module pageberg/bench/benthos

go 1.24

require (
	github.com/redpanda-data/benthos/v4 v4.40.0
	github.com/twmb/franz-go v1.19.0
)
