"""The program of a build: from the commit's source to a digest that may be deployed.

``buildspecs/build.yml`` calls it once in each phase. At synthesis it becomes one file, which the
build fetches and checks by its digest; it needs Python 3.9 or later with nothing but its standard
library, Docker with buildx, and the AWS CLI.

The source is not trusted. Nothing here imports, executes or is configured by what stands in it; its
files reach Docker as the context of the image, and nothing else. What the build makes stands in
``BUILD_FOLDER``, outside of the source, until the last phase hands it over.

==================  =================================================================
module              what it knows
==================  =================================================================
program             the phases, and how a failure ends
prepare             ``pre_build``: logins, builder, what to release and under which tag
build               ``build``: image, test, push, scan, deploy files
finish              ``post_build``: what CodeBuild takes as artifacts and reports
settings, state     what the build is given; what one phase leaves to the next
source              which paths of the source may be used
environment         the variables that Docker and the AWS CLI see
programs            how Docker and the AWS CLI are run
aws, direct         questions to AWS, without the CLI's start where that can be
login, builder      registries; the builder that can keep a cache in one
release, tag        an image that is there already; the tag of a new one
image               the options of ``docker buildx build``
image_test, push    the test in the image; its way into the repository
sbom                the software bill of materials
deploy_files        what CodeDeploy deploys from
scan                the gate: which findings of ECR's scan end the build
steps               how long they take
hints               what to do about a failure that has one usual cause
==================  =================================================================
"""
