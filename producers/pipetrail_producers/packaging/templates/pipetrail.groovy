// A step for a Jenkins shared library (vars/pipetrail.groovy). Two ways to use it:
//
//   pipetrail(stage: 'test', command: 'make test', junit: 'reports/*.xml')   // runs and records a command
//   pipetrail(stage: 'deploy', environment: 'prod') { sh './deploy.sh' }     // records what the block does, by start and end
//
// Options: stage, name, environment, artifact, junit, reason, ticket, service, collector, package. The agent is installed into
// the workspace's temporary folder once. What cannot be installed or reached never fails a build.

def call(Map options = [:], Closure body = null) {
    if (!options.command && body == null) {
        error('pipetrail: give a command, or a block')
    }
    if (options.command && body != null) {
        error('pipetrail: give a command or a block, not both')
    }
    boolean there = install(options)
    withEnv(options.collector ? ["PIPETRAIL_COLLECTOR_URL=${options.collector}"] : []) {
        if (options.command) {
            def shell = "sh -c ${quoted(options.command)}"
            sh(there ? "${agent()} run ${arguments(options, ['stage', 'name', 'environment', 'artifact', 'junit'])} -- ${shell}" : shell)
        } else if (there) {
            recorded(options, body)
        } else {
            body()
        }
    }
}

// Runs a block between two events. Its exception passes through.
private void recorded(Map options, Closure body) {
    String key = UUID.randomUUID().toString()
    String noun = [build: 'build', test: 'testsuiterun', deploy: 'deployment'].get(options.stage, 'taskrun')
    String common = arguments(options + [name: null], ['environment']) +
        " --id ${quoted(key)} --field ${quoted('cicd.pipeline.task.name=' + (options.name ?: options.stage ?: env.STAGE_NAME ?: 'block'))}" +
        (options.stage ? " --stage ${quoted(options.stage)}" : '') +
        (options.stage == 'deploy' ? " --field ${quoted('deployment.id=' + key)}" : '')
    emit("${noun}.started ${common}")
    String result = 'failure'
    try {
        body()
        result = currentBuild.currentResult == 'UNSTABLE' ? 'failure' : 'success'
    } catch (InterruptedException interrupted) {
        // Jenkins's FlowInterruptedException is one: somebody aborted it, or its time was over.
        result = 'cancellation'
        throw interrupted
    } finally {
        emit("${noun}.finished ${common} --result ${result}")
        if (options.stage == 'test' && options.junit) {
            sh(script: "${agent()} test-report ${quoted(options.junit)} || true", label: 'pipetrail test-report')
        }
        if (options.artifact && result == 'success') {
            sh(script: "${agent()} artifact ${quoted(options.artifact)} || true", label: 'pipetrail artifact')
        }
    }
}

private void emit(String rest) {
    sh(script: "${agent()} emit ${rest} > /dev/null || true", label: 'pipetrail emit')
}

private boolean install(Map options) {
    // What a public index has under pipetrail's name is not ours: without a word of yours, nothing is installed.
    String packages = (options.package ?: '').split(' ').findAll { it }.collect { quoted(it) }.join(' ')
    String folder = '"${WORKSPACE_TMP:-${WORKSPACE}@tmp}/pipetrail"'
    int status = sh(
        label: 'Install pipetrail',
        returnStatus: true,
        script: "[ -x ${agent()} ]" + (packages ? " || { python3 -m venv ${folder} && " +
            "${folder}/bin/pip install --quiet --disable-pip-version-check ${packages}; }" : ''))
    if (status != 0) {
        String cause = packages ? 'the agent could not be installed' : 'the option package does not say what to install'
        echo("pipetrail: ${cause}: this is not recorded")
    }
    return status == 0
}

private String agent() {
    return '"${WORKSPACE_TMP:-${WORKSPACE}@tmp}/pipetrail/bin/pipetrail"'
}

// Command-line options for those of the names that were given, and for the ones that every command takes.
private String arguments(Map options, List names) {
    return (names + ['reason', 'ticket', 'service'])
        .findAll { options[it] }
        .collect { "--${it} ${quoted(options[it])}" }
        .join(' ')
}

// A text as one word of a POSIX shell.
private String quoted(text) {
    return "'" + text.toString().replace("'", "'\\''") + "'"
}
