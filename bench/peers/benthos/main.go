// The Benthos engine with a Kafka output of Redpanda Connect's own shape: records of a batch are produced together, with
// acks=all and idempotence, and the batch is done when all are acknowledged.
package main

import (
	"context"
	"time"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	"github.com/redpanda-data/benthos/v4/public/service"
	"github.com/twmb/franz-go/pkg/kgo"
)

type output struct {
	client *kgo.Client
	broker string
	topic  string
	linger time.Duration
}

func (o *output) Connect(context.Context) (err error) {
	o.client, err = kgo.NewClient(
		kgo.SeedBrokers(o.broker),
		kgo.DefaultProduceTopic(o.topic),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.ProducerLinger(o.linger),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
	)
	return err
}

func (o *output) WriteBatch(ctx context.Context, batch service.MessageBatch) error {
	records := make([]*kgo.Record, 0, len(batch))
	for _, message := range batch {
		value, err := message.AsBytes()
		if err != nil {
			return err
		}
		records = append(records, &kgo.Record{Value: value})
	}
	return o.client.ProduceSync(ctx, records...).FirstErr()
}

func (o *output) Close(context.Context) error {
	o.client.Close()
	return nil
}

func newOutput(config *service.ParsedConfig, _ *service.Resources) (service.BatchOutput, service.BatchPolicy, int, error) {
	o := &output{}
	var err error
	if o.broker, err = config.FieldString("broker"); err != nil {
		return nil, service.BatchPolicy{}, 0, err
	}
	if o.topic, err = config.FieldString("topic"); err != nil {
		return nil, service.BatchPolicy{}, 0, err
	}
	if o.linger, err = config.FieldDuration("linger"); err != nil {
		return nil, service.BatchPolicy{}, 0, err
	}
	inFlight, err := config.FieldInt("max_in_flight")
	return o, service.BatchPolicy{}, inFlight, err
}

func main() {
	fields := service.NewConfigSpec().Fields(
		service.NewStringField("broker"),
		service.NewStringField("topic"),
		service.NewDurationField("linger"),
		service.NewIntField("max_in_flight"),
	)
	if err := service.RegisterBatchOutput("kafka_durable", fields, newOutput); err != nil {
		panic(err)
	}
	service.RunCLI(context.Background())
}
