module d7y-mount/adapter

go 1.20

require d7y.io/dragonfly/v2 v2.1.0
