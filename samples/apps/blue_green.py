"""Two services whose traffic is shifted, one by ECS and one by CodeDeploy, monitored alike.

``cdk synth --app "python samples/apps/blue_green.py"``
"""

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elbv2

from container_pipelines import (
    BlueGreenPipeline,
    BuildProject,
    CodeDeployBlueGreen,
    EcrRepo,
    EcsBlueGreen,
    FunctionAlarm,
    HttpProbe,
    LoadBalancedService,
    PipelineAlarms,
    Source,
    TrafficShift,
    no_notifications,
)

app = cdk.App()
registry = cdk.Stack(app, "Registry")

stack = cdk.Stack(app, "Shop")
vpc = ec2.Vpc(stack, "Vpc", max_azs=2)
cluster = ecs.Cluster(stack, "Cluster", vpc=vpc)
balancer = elbv2.ApplicationLoadBalancer(stack, "LoadBalancer", vpc=vpc, internet_facing=True)
nothing = elbv2.ListenerAction.fixed_response(404)
listener = balancer.add_listener("Http", port=80, default_action=nothing)
test_listener = balancer.add_listener(
    "Test", port=9000, protocol=elbv2.ApplicationProtocol.HTTP, default_action=nothing
)
DEPLOYMENTS: dict[str, EcsBlueGreen | CodeDeployBlueGreen] = {
    "orders": EcsBlueGreen(
        traffic_shift=TrafficShift.canary(10, cdk.Duration.minutes(10)),
        test_listener=test_listener,
        hooks=[HttpProbe(path="/orders/health")],
    ),
    "stock": CodeDeployBlueGreen(test_listener=test_listener),
}
for number, (name, deployment) in enumerate(DEPLOYMENTS.items(), start=1):
    images = EcrRepo(registry, name.title(), repository_name=f"shop/{name}")
    service = LoadBalancedService(
        stack,
        name.title(),
        cluster=cluster,
        listener=listener,
        repository=images.repository,
        image_pointer=images.image_pointer,
        priority=number,
        path_patterns=[f"/{name}/*"],
        deployment=deployment,
    )
    release = BlueGreenPipeline(
        stack,
        f"{name.title()}Release",
        source=Source.github(
            connection_arn="arn:aws:codeconnections:eu-west-1:111122223333:connection/0f1e2d3c",
            repository=f"acme/{name}",
        ),
        build=BuildProject(stack, f"{name.title()}Build", repository=images.repository),
        service=service,
    )
    # Target groups and CodeDeploy's group are those of the pipeline.
    alarms = PipelineAlarms(
        stack,
        f"{name.title()}Alarms",
        name=name,
        pipeline=release,
        notifications=[no_notifications()],
    )
    if release.drift_detector is not None:
        FunctionAlarm(
            stack,
            f"{name.title()}DriftErrors",
            name=f"{name}-drift-detector-errors",
            function=release.drift_detector.function,
            interval=release.drift_detector.interval,
            notifications=no_notifications(),
        )

app.synth()
